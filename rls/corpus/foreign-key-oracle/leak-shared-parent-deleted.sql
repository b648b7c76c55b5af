-- Tags are everybody's, and everybody may delete one, with what every tenant has tagged.
-- object: public.article_tags
-- leak: yes
-- context: guc
-- toml: global_tables = ["tags"]
-- expect: left_of_b.*\s0\s

create table tags (tag text primary key);
grant select, insert, delete on tags to @app@;
create table article_tags (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  tag text not null references tags on delete cascade,
  primary key (tenant_id, id)
);
alter table article_tags enable row level security;
alter table article_tags force row level security;
create policy article_tags_tenant on article_tags
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on article_tags to @app@;

-- seed
insert into tags values ('news');
insert into article_tags (tenant_id, tag) values ('@A@', 'news'), ('@B@', 'news');

-- proof
set app.tenant_id = '@A@';
delete from tags;
set app.tenant_id = '@B@';
select count(*) as left_of_b from article_tags;
