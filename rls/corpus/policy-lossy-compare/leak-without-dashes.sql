-- object: public.labels
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-open
-- expect: canary-b

create table labels (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  label text,
  primary key (tenant_id, id)
);
alter table labels enable row level security;
alter table labels force row level security;
create policy labels_tenant on labels
  using (replace(tenant_id, '-', '') = replace(current_setting('app.tenant_id', true), '-', ''));
grant select, insert, update, delete on labels to @app@;

-- seed
insert into labels (tenant_id, label) values ('acme', 'canary-a'), ('ac-me', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select label from labels;
rollback;
