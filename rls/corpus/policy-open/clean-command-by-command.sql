-- object: public.comments
-- leak: no
-- context: guc
-- tenant: text
-- expect: \(1 row\).*DELETE 1

create table comments (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table comments enable row level security;
alter table comments force row level security;
grant select, insert, update, delete on comments to @app@;
create policy c_select on comments for select
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')));
create policy c_insert on comments for insert
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')));
create policy c_update on comments for update
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')));
create policy c_delete on comments for delete
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')));

-- seed
insert into comments (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select body from comments;
delete from comments;
rollback;
