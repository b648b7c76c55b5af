-- object: public.drafts, @app@
-- leak: yes
-- context: guc
-- expect: canary-b

create table posts (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table posts enable row level security;
alter table posts force row level security;
create policy posts_tenant on posts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on posts to @app@;
create table drafts (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table drafts enable row level security;
alter table drafts force row level security;
create policy drafts_tenant on drafts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on drafts to @app@;
reset role;
alter table drafts owner to @app@;

-- seed
insert into drafts (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
create policy all_of_them on drafts using (true);
select body from drafts;
rollback;
