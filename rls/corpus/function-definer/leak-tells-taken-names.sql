-- Both tenants have some of the same keys: only of one that B alone has is the answer telling.
-- object: public.is_taken(text)
-- leak: yes
-- context: guc
-- expect: \bt\b

create table members (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  email text not null,
  primary key (tenant_id, id),
  unique (tenant_id, email)
);
alter table members enable row level security;
create policy members_tenant on members
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on members to @app@;
create function is_taken(p_email text) returns boolean language sql stable security definer set search_path = ''
  as $$ select exists (select from public.members where email = p_email) $$;

-- seed
insert into members (tenant_id, email) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select is_taken('canary-b');
rollback;
