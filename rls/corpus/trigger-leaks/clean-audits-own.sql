-- What is written belongs to the tenant of the row, which the policies have checked.
-- object: public.orders
-- leak: no
-- context: guc
-- expect: INSERT.*\(1 row\)

create table audit (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  what text,
  primary key (tenant_id, id)
);
alter table audit enable row level security;
alter table audit force row level security;
create policy audit_tenant on audit
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on audit to @app@;
alter table audit no force row level security;
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
begin
  insert into public.audit (tenant_id, what) values (new.tenant_id, tg_op || ' ' || new.id);
  return null;
end $$;
create trigger audit after insert or update on orders for each row execute function audit();

-- proof
begin;
set local app.tenant_id = '@A@';
insert into orders (tenant_id, note) values ('@A@', 'x');
select what from audit;
rollback;
