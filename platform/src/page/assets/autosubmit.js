// Sends the one form of a hand-off page, so that nobody has to press its button.
document.querySelector("form[data-autosubmit]")?.requestSubmit();
