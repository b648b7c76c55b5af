-- object: public.journal
-- leak: no
-- context: guc
-- expect: \(1 row\)

create table journal (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  line text,
  primary key (tenant_id, id)
);
alter table journal enable row level security;
alter table journal force row level security;
create policy journal_tenant on journal
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert on journal to @app@;
create rule never_delete as on delete to journal do instead nothing;
create rule never_change as on update to journal do instead nothing;

-- seed
insert into journal (tenant_id, line) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select line from journal;
rollback;
