-- No policy looks at what is written to a view before its trigger does.
-- object: public.calendar, public.calendar_write()
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: function-definer
-- expect: planted

create table bookings (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  guest text,
  primary key (tenant_id, id)
);
alter table bookings enable row level security;
create policy bookings_tenant on bookings
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select on bookings to @app@;
create view calendar with (security_invoker = true) as select tenant_id, guest from bookings;
create function calendar_write() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.bookings (tenant_id, guest)
    values (coalesce(new.tenant_id, nullif(current_setting('app.tenant_id', true), '')::bigint), new.guest);
  return new;
end $$;
create trigger calendar_write instead of insert on calendar for each row execute function calendar_write();
grant select, insert on calendar to @app@;

-- proof
set app.tenant_id = '@A@';
insert into calendar (tenant_id, guest) values (@B@, 'planted');
set app.tenant_id = '@B@';
select guest from bookings;
