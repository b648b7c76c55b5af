-- A bare DELETE needs the DELETE policy alone.
-- object: public.comments
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-tautology
-- expect: DELETE 2.*left_of_b.*\s0

create table comments (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table comments enable row level security;
alter table comments force row level security;
grant select, insert, update, delete on comments to @app@;
create policy read on comments for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
create policy write on comments for insert
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
create policy moderate on comments for delete
  using (body is not null);

-- seed
insert into comments (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
set app.tenant_id = 'acme';
delete from comments;
set app.tenant_id = 'acme-eu';
select count(*) as left_of_b from comments;
