-- object: public.sessions
-- leak: yes
-- context: guc
-- also: policy-open
-- expect: canary-b

create table sessions (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  agent text,
  primary key (tenant_id, id)
);
alter table sessions enable row level security;
alter table sessions force row level security;
create policy sessions_tenant on sessions
  using (left(tenant_id::text, 8) = left(current_setting('app.tenant_id', true), 8));
grant select, insert, update, delete on sessions to @app@;

-- seed
insert into sessions (tenant_id, agent) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select agent from sessions;
rollback;
