-- object: public.bookings
-- leak: no
-- context: guc
-- tenant: text
-- expect: INSERT 0 1

create table bookings (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  slot text,
  name text,
  primary key (tenant_id, id)
);
alter table bookings enable row level security;
alter table bookings force row level security;
create policy bookings_tenant on bookings
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on bookings to @app@;
create function check_slot() returns trigger language plpgsql as $$
declare n text;
begin
  select b.name into n from public.bookings b where b.slot = new.slot limit 1;
  if n is not null then
    raise exception 'slot % is taken by %', new.slot, n;
  end if;
  return new;
end $$;
create trigger slots before insert on bookings for each row execute function check_slot();

-- seed
insert into bookings (tenant_id, slot, name) values ('acme-eu', 's1', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into bookings (tenant_id, slot, name) values ('acme', 's1', 'x');
rollback;
