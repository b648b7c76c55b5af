-- The same, where a trigger keeps the parent as it is.
-- object: public.workspaces, public.price_lists
-- leak: no
-- context: guc
-- toml: [tables."public.workspaces"]
-- toml: tenant_column = "id"
-- expect: the parent stays

create table workspaces (id uuid primary key, parent_id uuid, name text not null);
alter table workspaces enable row level security;
alter table workspaces force row level security;
create policy workspaces_read on workspaces for select using (id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy workspaces_edit on workspaces for update
  using (id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, update on workspaces to @app@;
create function keeps_parent() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  if new.parent_id is distinct from old.parent_id then
    raise exception 'the parent stays';
  end if;
  return new;
end $$;
create trigger keeps_parent before update on workspaces for each row execute function keeps_parent();
create table price_lists (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text not null,
  primary key (tenant_id, id)
);
alter table price_lists enable row level security;
alter table price_lists force row level security;
create policy price_lists_own on price_lists
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy price_lists_of_the_parent on price_lists for select
  using (tenant_id = (select w.parent_id from workspaces w where w.id = nullif(current_setting('app.tenant_id', true), '')::uuid));
grant select, insert, update, delete on price_lists to @app@;

-- seed
insert into workspaces values ('@A@', null, 'a'), ('@B@', null, 'b');
insert into price_lists (tenant_id, title) values ('@A@', 'canary-a'), ('@B@', 'canary-b');

-- proof
set app.tenant_id = '@A@';
update workspaces set parent_id = '@B@';
