-- object: public.search
-- leak: yes
-- context: guc
-- expect: canary-b

create table posts (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table posts enable row level security;
alter table posts force row level security;
create policy posts_tenant on posts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on posts to @app@;
reset role;
create materialized view search as select tenant_id, title from posts;
grant select on search to @app@;

-- seed
insert into posts (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');
refresh materialized view search;

-- proof
begin;
set local app.tenant_id = '@A@';
select title from search;
rollback;
