-- object: public.exports
-- leak: yes
-- context: guc
-- expect: DELETE 2

create table exports (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  path text,
  expires_at timestamptz not null,
  primary key (tenant_id, id)
);
alter table exports enable row level security;
alter table exports force row level security;
grant select, insert, delete on exports to @app@;
create policy own on exports
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy anyone_cleans_up on exports for delete using (expires_at < now());

-- seed
insert into exports (tenant_id, path, expires_at) values
  ('@A@', 'canary-a', '2001-01-01'),
  ('@B@', 'canary-b', '2001-01-01');

-- proof
begin;
set local app.tenant_id = '@A@';
delete from exports;
rollback;
