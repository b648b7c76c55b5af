-- The function opens the cursor as its owner, and the caller reads on.
-- object: public.open_ledger(refcursor, text)
-- leak: yes
-- context: guc
-- also: unprovable
-- expect: canary-b

create table postings (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  account text not null,
  memo text,
  primary key (tenant_id, id)
);
alter table postings enable row level security;
create policy postings_tenant on postings
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on postings to @app@;
create function open_ledger(cur refcursor, wanted text) returns refcursor language plpgsql security definer
  set search_path = '' as $$
begin
  open cur for select p.memo from public.postings p where p.account = wanted;
  return cur;
end $$;

-- seed
insert into postings (tenant_id, account, memo) values ('@A@', '1000', 'canary-a'), ('@B@', '1000', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select open_ledger('mine', '1000');
fetch all from mine;
rollback;
