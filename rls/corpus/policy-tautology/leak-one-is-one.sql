-- object: public.memos
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-open
-- expect: canary-b

create table memos (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table memos enable row level security;
alter table memos force row level security;
create policy memos_tenant on memos
  using (1 = 1 or tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on memos to @app@;

-- seed
insert into memos (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select body from memos;
rollback;
