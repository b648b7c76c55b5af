-- People are numbered within a school: pupil 7 reads the mail of pupil 7 elsewhere.
-- object: public.messages
-- leak: yes
-- context: guc
-- tenant: bigint
-- toml: [context.vars]
-- toml: "app.user_no" = "$user"
-- toml: [tables."public.messages"]
-- toml: user_column = "recipient"
-- expect: canary-b

create table people (
  tenant_id bigint not null,
  number bigint not null,
  name text,
  primary key (tenant_id, number)
);
alter table people enable row level security;
create policy people_tenant on people
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select on people to @app@;
create table messages (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  recipient bigint not null,
  body text,
  primary key (tenant_id, id),
  foreign key (tenant_id, recipient) references people
);
alter table messages enable row level security;
create policy messages_to_me on messages for select
  using (recipient = nullif(current_setting('app.user_no', true), '')::bigint);
grant select on messages to @app@;

-- seed
insert into people values (@A@, 7, 'x'), (@B@, 7, 'y');
insert into messages (tenant_id, recipient, body) values (@B@, 7, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_no = '7';
select body from messages;
rollback;
