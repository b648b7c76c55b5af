-- A comment that names somebody is put into their notifications, wherever they are.
-- object: public.comments, public.mentions()
-- leak: yes
-- context: guc
-- expect: hello from A

create table members (tenant_id uuid not null, handle text not null, primary key (tenant_id, handle));
alter table members enable row level security;
create policy members_tenant on members for select using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on members to @app@;
create table notifications (tenant_id uuid not null, id uuid not null default gen_random_uuid(), body text not null, primary key (tenant_id, id));
alter table notifications enable row level security;
create policy notifications_tenant on notifications for select using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on notifications to @app@;
create table comments (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  body text not null,
  primary key (tenant_id, id)
);
alter table comments enable row level security;
alter table comments force row level security;
create policy comments_tenant on comments using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert on comments to @app@;
create function mentions() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
  insert into public.notifications (tenant_id, body)
  select m.tenant_id, new.body from regexp_matches(new.body, '@([a-z0-9_.]+)', 'g') as x(word)
  join public.members m on m.handle = x.word[1];
  return null;
end $$;
create trigger comments_mention after insert on comments for each row execute function mentions();

-- seed
insert into members values ('@B@', 'bob');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into comments (tenant_id, body) values ('@A@', '@bob hello from A');
set local app.tenant_id = '@B@';
select body from notifications;
rollback;
