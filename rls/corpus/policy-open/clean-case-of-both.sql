-- object: public.posts
-- leak: no
-- context: guc
-- tenant: text
-- expect: \(1 row\)

create table posts (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  title text,
  status text not null default 'draft',
  primary key (tenant_id, id)
);
alter table posts enable row level security;
alter table posts force row level security;
create policy posts_tenant on posts
  using (case status when 'draft' then tenant_id = nullif(current_setting('app.tenant_id', true), '') and title <> '' else tenant_id = nullif(current_setting('app.tenant_id', true), '') end);
grant select, insert, update, delete on posts to @app@;

-- seed
insert into posts (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from posts;
rollback;
