-- The app sets app.tenant_id; nobody sets app.workspace but whoever wants to.
-- object: public.boards
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: policy-open
-- also: unprovable
-- expect: canary-b

create table boards (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table boards enable row level security;
alter table boards force row level security;
create policy boards_tenant on boards
  using (tenant_id = nullif(current_setting('app.workspace', true), '')::bigint);
grant select, insert, update, delete on boards to @app@;

-- seed
insert into boards (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.workspace = '12';
select name from boards;
rollback;
