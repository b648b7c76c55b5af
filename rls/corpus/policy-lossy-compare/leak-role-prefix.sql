-- object: public.notes
-- leak: yes
-- context: role
-- tenant: text
-- also: policy-open
-- toml: [context.tenants]
-- toml: A = "@role_a@"
-- toml: B = "@role_b@"
-- expect: canary-b

create table notes (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
alter table notes force row level security;
create policy notes_tenant on notes
  using (current_user like tenant_id || '%');
grant select, insert, update, delete on notes to @role_a@, @role_b@;

-- seed
insert into notes (tenant_id, body) values ('role', 'canary-b'), ('tenant', 'canary-b');

-- proof
begin;
select body from notes;
rollback;
