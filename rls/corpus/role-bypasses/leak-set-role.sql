-- BYPASSRLS is not inherited, but SET ROLE gives it.
-- object: @app@, @other@
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

create table claims (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  text text,
  primary key (tenant_id, id)
);
alter table claims enable row level security;
alter table claims force row level security;
create policy claims_tenant on claims
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on claims to @app@;
grant select on claims to @other@;
reset role;
alter role @other@ bypassrls;
alter role @app@ noinherit;
grant @other@ to @app@;

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
