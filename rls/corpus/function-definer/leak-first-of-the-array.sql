-- Only the first thread is asked whose it is.
-- object: public.archive(uuid[])
-- leak: yes
-- context: guc
-- expect: archived_of_b.*\s1\s

create table threads (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  subject text,
  is_archived boolean not null default false,
  primary key (tenant_id, id)
);
alter table threads enable row level security;
create policy threads_tenant on threads
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on threads to @app@;
create function archive(ids uuid[]) returns void language plpgsql security definer set search_path = '' as $$
begin
  if not exists (select from public.threads t
                  where t.id = ids[1] and t.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) then
    raise exception 'not your thread';
  end if;
  update public.threads set is_archived = true where id = any (ids);
end $$;

-- seed
insert into threads (tenant_id, id, subject) values
  ('@A@', '00000000-0000-0000-0000-00000000000a', 'canary-a'),
  ('@B@', '00000000-0000-0000-0000-00000000000b', 'canary-b');

-- proof
set app.tenant_id = '@A@';
select archive(array['00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000b']::uuid[]);
set app.tenant_id = '@B@';
select count(*) as archived_of_b from threads where is_archived;
