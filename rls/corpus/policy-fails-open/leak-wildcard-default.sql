-- object: public.boards
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-open
-- also: policy-lossy-compare
-- expect: canary-b

create table boards (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table boards enable row level security;
alter table boards force row level security;
create policy boards_tenant on boards
  using (tenant_id like coalesce(nullif(current_setting('app.tenant_id', true), ''), '%'));
grant select, insert, update, delete on boards to @app@;

-- seed
insert into boards (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select name from boards;
rollback;
