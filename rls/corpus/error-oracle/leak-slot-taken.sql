-- The message says who has it.
-- object: public.bookings, public.check_slot()
-- leak: yes
-- context: guc
-- also: trigger-leaks
-- also: function-definer
-- expect: canary-b

create table bookings (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  slot text,
  name text,
  primary key (tenant_id, id)
);
alter table bookings enable row level security;
create policy bookings_tenant on bookings
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on bookings to @app@;
create function check_slot() returns trigger language plpgsql security definer set search_path = '' as $$
declare other public.bookings;
begin
  select * into other from public.bookings b where b.slot = new.slot limit 1;
  if found then
    raise exception 'slot % is taken by %', new.slot, other.name;
  end if;
  return new;
end $$;
create trigger slots before insert on bookings for each row execute function check_slot();

-- seed
insert into bookings (tenant_id, slot, name) values ('@B@', 's1', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into bookings (tenant_id, slot, name) values ('@A@', 's1', 'x');
rollback;
