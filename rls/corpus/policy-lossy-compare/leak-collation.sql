-- A collation that ignores case and accents makes = ignore them.
-- object: public.pages
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-open
-- expect: canary-b

create collation blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
create table pages (tenant_id text collate blind not null, id uuid not null default gen_random_uuid(), body text, primary key (tenant_id, id));
alter table pages enable row level security;
alter table pages force row level security;
create policy pages_tenant on pages
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on pages to @app@;

-- seed
insert into pages (tenant_id, body) values ('acme', 'canary-a'), ('Acmé', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select body from pages;
rollback;
