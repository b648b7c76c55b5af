//! What a workspace's app hears of its offenders (EV-1).

tenantry_platform::events! {
    OFFENDER_BLOCKED "offender.blocked" "A key or a person of the workspace is refused for a while, because too much of theirs was refused before." {
        must block: Id "The block.";
        must kind: Text "`key` or `person`.";
        must subject: Id "The key, or the person.";
        must offence: Text "What was refused last: `limit`, `credential`, `checksum` or `sign_in`.";
        must nth: Number "How many blocks in a row this one is.";
        must until: Time "When it ends by itself.";
    }
    OFFENDER_LIFTED "offender.lifted" "Somebody ended a block before its time." {
        must block: Id "The block.";
        must kind: Text "`key` or `person`.";
        must subject: Id "The key, or the person.";
        must reason: Text "Why, in the words of whoever did it.";
    }
    ALERT_RAISED "alert.raised" "A key, a person or all of the workspace were refused more often than the operator finds usual." {
        must about: Text "`refusals`.";
        must kind: Text "`key`, `person` or `tenant`.";
        must subject: Id "The key, the person, or the workspace.";
        must count: Number "How often in the window, by one node's count.";
        must window_s: Number "The window in seconds.";
    }
}
