-- object: public.chats
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-open
-- expect: canary-b

create function same_tenant(t text) returns boolean language sql stable
  as $$ select lower(t) = lower(current_setting('app.tenant_id', true)) $$;
create table chats (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  line text,
  primary key (tenant_id, id)
);
alter table chats enable row level security;
alter table chats force row level security;
create policy chats_tenant on chats
  using (same_tenant(tenant_id));
grant select, insert, update, delete on chats to @app@;

-- seed
insert into chats (tenant_id, line) values ('acme', 'canary-a'), ('ACME', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select line from chats;
rollback;
