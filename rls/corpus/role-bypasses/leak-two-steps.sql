-- object: @app@, @other@, @role_b@
-- leak: yes
-- context: guc
-- expect: canary-b

create table claims (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  text text,
  primary key (tenant_id, id)
);
alter table claims enable row level security;
alter table claims force row level security;
create policy claims_tenant on claims
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on claims to @app@;
grant select on claims to @other@;
reset role;
alter role @other@ bypassrls;
grant @other@ to @role_b@;
grant @role_b@ to @app@;

-- seed
insert into claims (tenant_id, text) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local role @other@;
select text from claims;
rollback;
