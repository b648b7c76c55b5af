-- Titles of every tenant go into a table without tenants.
-- object: public.posts, public.announce()
-- leak: yes
-- context: guc
-- tenant: text
-- also: function-definer
-- also: rls-disabled public.feed
-- expect: canary-b

create table feed (id bigint generated always as identity primary key, line text);
grant select on feed to @app@;
create table posts (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table posts enable row level security;
alter table posts force row level security;
create policy posts_tenant on posts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on posts to @app@;
create function announce() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.feed (line) values (new.title);
  return null;
end $$;
create trigger announce after insert or update on posts for each row execute function announce();

-- seed
insert into posts (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select line from feed;
rollback;
