-- object: public.comments
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-tautology
-- expect: INSERT 0 1

create table comments (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table comments enable row level security;
alter table comments force row level security;
grant select, insert, update, delete on comments to @app@;
create policy r on comments for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
create policy w on comments for insert
  with check (true);

-- proof
begin;
set local app.tenant_id = '@A@';
insert into comments (tenant_id) values ('@B@');
rollback;
