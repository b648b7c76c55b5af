-- object: public.articles
-- leak: yes
-- context: guc
-- also: policy-check-open
-- expect: UPDATE 2.*gone

create function current_tenant() returns uuid language sql stable
  as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
create table articles (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  status text not null default 'draft',
  primary key (tenant_id, id)
);
alter table articles enable row level security;
alter table articles force row level security;
grant select, insert, update, delete on articles to @app@;
create policy articles_tenant on articles for select
  using (tenant_id = current_tenant());
create policy edit_drafts on articles for update
  using (status = 'draft');

-- seed
insert into articles (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
set app.tenant_id = '@A@';
update articles set title = 'gone';
set app.tenant_id = '@B@';
select title from articles;
