-- object: public.posts
-- leak: no
-- context: guc
-- tenant: text
-- expect: 42501

create table posts (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  title text,
  status text not null default 'draft',
  primary key (tenant_id, id)
);
alter table posts enable row level security;
alter table posts force row level security;
grant select, insert, update, delete on posts to @app@;
create policy posts_tenant on posts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
  with check (status in ('draft', 'live') and tenant_id = nullif(current_setting('app.tenant_id', true), ''));

-- proof
begin;
set local app.tenant_id = '@A@';
insert into posts (tenant_id) values ('@B@');
rollback;
