-- Nothing says that a number is one article's alone.
-- object: public.excerpts
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: policy-open
-- expect: canary-b

create table articles (tenant_id bigint not null, id bigint not null, title text);
create index on articles (tenant_id, id);
alter table articles enable row level security;
alter table articles force row level security;
create policy articles_tenant on articles
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select on articles to @app@;
create table excerpts (tenant_id bigint not null, article_id bigint not null, excerpt text);
alter table excerpts enable row level security;
alter table excerpts force row level security;
create policy excerpts_of_articles on excerpts for select
  using (exists (select from articles a where a.id = excerpts.article_id));
grant select on excerpts to @app@;

-- seed
insert into articles (tenant_id, id, title) values (@A@, 1, 'canary-a'), (@B@, 1, 'title');
insert into excerpts (tenant_id, article_id, excerpt) values (@A@, 1, 'own'), (@B@, 1, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select excerpt from excerpts;
rollback;
