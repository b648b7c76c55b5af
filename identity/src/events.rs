//! What this area tells the app: every kind, with its fields. A verb emits it in the transaction of its change.

tenantry_platform::events! {
    USER_CREATED "user.created" "Somebody has an account now: they signed up, were brought in from elsewhere, or a workspace was made for them." {
        must id: Id "The person.";
        must tenant_id: Id "The workspace that they made with it, were invited to, or that was made for them.";
    }
    SESSION_CREATED "session.created" "A member signed in, on the central host or on one of the workspace's." {
        must id: Id "The session.";
        must person_id: Id "Who.";
        must host: Text "Scheme and host that the session is for.";
    }
    SESSION_ENDED "session.ended" "A session was ended, with all that came from it on other hosts." {
        must id: Id "The session.";
        must person_id: Id "Whose.";
    }
    SESSION_REUSE_DETECTED "session.reuse_detected" "A token that was used before was presented again: somebody may have a copy. All that came from the same sign-in is ended." {
        must id: Id "The session.";
        must person_id: Id "Whose.";
    }
    SESSION_REVOKED "session.revoked" "Sessions were ended that nobody signed out of, with all that came from them on other hosts." {
        may id: Id "The session; null where several ended together.";
        must person_id: Id "Whose.";
        must count: Number "How many sessions.";
        must reason: Text "`revoked`, by their person from the list; `too_many`, by a sign-in that was one too many: those ended that were not used for the longest time.";
    }
    USER_PASSWORD_CHANGED "user.password_changed" "A member has another password. Their other sessions have ended." {
        must id: Id "The person.";
        must by: Text "`change`, by whoever knew the one before; `reset`, by a mailed link.";
    }
    USER_EMAIL_CHANGED "user.email_changed" "A member has another e-mail address: read them anew from the management API." {
        must id: Id "The person.";
        must undone: Flag "Whether the old mailbox took a change back.";
    }
    USER_DEACTIVATED "user.deactivated" "A member is no longer let in, anywhere. They stay a member." {
        must id: Id "The person.";
    }
    USER_REACTIVATED "user.reactivated" "A member who was deactivated is let in again." {
        must id: Id "The person.";
    }
    USER_DELETED "user.deleted" "A member deleted their account." {
        must id: Id "The person.";
    }
    TENANT_CREATED "tenant.created" "A workspace was made." {
        must id: Id "The workspace.";
        must slug: Text "Its name in hosts.";
        must name: Text "Its name on pages.";
    }
    TENANT_UPDATED "tenant.updated" "A workspace has another name." {
        must id: Id "The workspace.";
        must slug: Text "Its name in hosts.";
        must name: Text "Its name on pages, now.";
    }
    TENANT_SUSPENDED "tenant.suspended" "Platform staff stopped a workspace: its people, keys and hosts are refused." {
        must id: Id "The workspace.";
        must slug: Text "Its name in hosts.";
        must status: Text "`suspended`.";
    }
    TENANT_REACTIVATED "tenant.reactivated" "Platform staff lets a workspace be served again." {
        must id: Id "The workspace.";
        must slug: Text "Its name in hosts.";
        must status: Text "What it was before it was suspended: `active` or `past_due`.";
    }
    TENANT_PLAN_CHANGED "tenant.plan_changed" "Platform staff gave a workspace another plan." {
        must id: Id "The workspace.";
        must slug: Text "Its name in hosts.";
        must plan: Text "The plan's name, now.";
    }
    TENANT_LIMITS_CHANGED "tenant.limits_changed" "Platform staff gave a workspace limits of its own, or took them back." {
        must id: Id "The workspace.";
        must slug: Text "Its name in hosts.";
        must plan: Text "The plan's name, whose limits hold otherwise.";
    }
    MEMBER_INVITED "member.invited" "Somebody was asked to join the workspace, or asked again." {
        must invitation_id: Id "The invitation.";
        must role: Text "The role that they will have.";
        must again: Flag "Whether an invitation that stood before was renewed.";
    }
    INVITATION_REVOKED "invitation.revoked" "An invitation was taken back before anybody used it." {
        must invitation_id: Id "The invitation.";
        must role: Text "The role that it offered.";
    }
    MEMBER_JOINED "member.joined" "A person belongs to the workspace now." {
        must person_id: Id "Who.";
        must role: Text "Their role's name.";
        may invitation_id: Id "The invitation that they accepted; absent for who made the workspace.";
    }
    MEMBER_ROLE_CHANGED "member.role_changed" "A member has another role." {
        must person_id: Id "Who.";
        must role: Text "Their role's name now.";
        must role_before: Text "Their role's name until now.";
    }
    MEMBER_REMOVED "member.removed" "A member was removed from the workspace." {
        must person_id: Id "Who.";
        must role_before: Text "The role that they had.";
    }
    MEMBER_LEFT "member.left" "A member left the workspace." {
        must person_id: Id "Who.";
        must role_before: Text "The role that they had.";
    }
    ROLE_CREATED "role.created" "The workspace has one more role of its own." {
        must id: Id "The role.";
        must name: Text "Its name, which members' roles are told by.";
        must permissions: Texts "What is written in it.";
    }
    ROLE_UPDATED "role.updated" "A role of the workspace's own holds other permissions, or is described otherwise." {
        must id: Id "The role.";
        must name: Text "Its name, which never changes.";
        must permissions: Texts "What is written in it now.";
        must permissions_before: Texts "What was written in it until now.";
    }
    ROLE_DELETED "role.deleted" "A role of the workspace's own, which nobody had, is gone." {
        must id: Id "The role.";
        must name: Text "Its name.";
        must permissions_before: Texts "What was written in it.";
    }
    OWNERSHIP_TRANSFERRED "ownership.transferred" "An owner handed the workspace over to another member." {
        must from_person_id: Id "Who was the owner.";
        must from_role: Text "Their role's name now.";
        must from_role_before: Text "Their role's name until now.";
        must to_person_id: Id "Who is the owner.";
        must to_role: Text "Their role's name now.";
        must to_role_before: Text "Their role's name until now.";
    }
    API_KEY_CREATED "api_key.created" "An API key was made." {
        must id: Id "The key.";
        must name: Text "What people call it.";
        must start: Text "The first eight characters of its random part, to tell keys apart.";
        must scopes: Texts "What it may do.";
        must allowed_networks: Texts "The networks that it may be used from; empty: from everywhere.";
        may expires_at: Time "When it ends by itself.";
        may rotated_from: Id "The key that it replaces.";
        may created_by: Id "The person who made it; null when another key did.";
    }
    API_KEY_UPDATED "api_key.updated" "The name or the networks of an API key were changed." {
        must id: Id "The key.";
        must name: Text "What people call it now.";
        must start: Text "The first eight characters of its random part.";
        must allowed_networks: Texts "The networks that it may be used from now; empty: from everywhere.";
        may created_by: Id "The person who made it.";
    }
    API_KEY_ROTATED "api_key.rotated" "An API key was replaced by another one, and ends after an overlap." {
        must id: Id "The old key.";
        must name: Text "What people call it.";
        must start: Text "The first eight characters of its random part.";
        may replaced_by: Id "The new key.";
        must overlap_s: Number "For how many seconds both work.";
        may expires_at: Time "When the old key ends.";
        may created_by: Id "The person who made the old key.";
    }
    API_KEY_EXPIRING "api_key.expiring" "An API key ends soon: told 14, 3 and 1 days before, each once." {
        must id: Id "The key.";
        must name: Text "What people call it.";
        must start: Text "The first eight characters of its random part.";
        must days: Number "Which warning this is: 14, 3 or 1 days before the end.";
        must expires_at: Time "When it ends.";
        may created_by: Id "The person who made it.";
    }
    API_KEY_REVOKED "api_key.revoked" "An API key was ended." {
        must id: Id "The key.";
        must name: Text "What people call it.";
        must start: Text "The first eight characters of its random part.";
        may created_by: Id "The person who had made it.";
    }
    API_KEY_DELETED "api_key.deleted" "A key that no longer worked was taken off the list." {
        must id: Id "The key.";
        must name: Text "What people called it.";
        must start: Text "The first eight characters of its random part.";
        may created_by: Id "The person who had made it.";
    }
}
