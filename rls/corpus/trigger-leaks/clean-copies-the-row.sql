-- object: public.orders
-- leak: no
-- context: guc
-- expect: INSERT.*\(1 row\)

create table audit (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  what jsonb,
  primary key (tenant_id, id)
);
alter table audit enable row level security;
create policy audit_tenant on audit
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on audit to @app@;
create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create function audit() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  r record;
begin
  if tg_op = 'DELETE' then r := old; else r := new; end if;
  insert into public.audit (tenant_id, what) values (r.tenant_id, to_jsonb(r));
  return null;
end $$;
create trigger audit after insert or update or delete on orders for each row execute function audit();

-- proof
begin;
set local app.tenant_id = '@A@';
insert into orders (tenant_id, note) values ('@A@', 'x');
select what from audit;
rollback;
