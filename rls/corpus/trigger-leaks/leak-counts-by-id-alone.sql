-- The trigger finds what a row belongs to by its id, and nothing holds that id to the tenant.
-- object: public.comments, public.count_comment()
-- leak: yes
-- context: guc
-- expect: was 0, is 1

create table posts (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text not null,
  comments integer not null default 0,
  primary key (tenant_id, id)
);
alter table posts enable row level security;
create policy posts_tenant on posts using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on posts to @app@;
create table comments (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  post_id uuid not null,
  body text not null,
  primary key (tenant_id, id)
);
alter table comments enable row level security;
alter table comments force row level security;
create policy comments_tenant on comments using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, delete on comments to @app@;
create function count_comment() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
  update public.posts set comments = comments + 1 where id = new.post_id;
  return null;
end $$;
create trigger count_comment after insert on comments for each row execute function count_comment();

-- seed
insert into posts (tenant_id, id, title) values ('@B@', 'b0000000-0000-4000-8000-000000000001', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into comments (tenant_id, post_id, body) values ('@A@', 'b0000000-0000-4000-8000-000000000001', 'x');
set local app.tenant_id = '@B@';
select 'was 0, is ' || comments from posts;
rollback;
