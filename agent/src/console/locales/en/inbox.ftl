inbox-tabs = Filters
inbox-tab-all = All
inbox-tab-unacknowledged = Unacknowledged
inbox-tab-unanswered = Unanswered
inbox-tab-mine = Mine
inbox-tab-sent = Sent
inbox-unread = unopened
inbox-opens-as = Opening is signed as { $name }
inbox-together = { $n ->
    [one] Acknowledge the routine one
   *[other] Acknowledge all { $n } routine
 }
inbox-older = Older
inbox-newest = Back to the newest
inbox-by-incident = By incident
inbox-by-precedence = By precedence
inbox-no-incident = No incident
inbox-choose = Choose a message.
inbox-choose-keys = j k move, Enter opens, ? shows all keys
inbox-empty-all = Nothing has come yet. What comes appears here by itself, and rings.
inbox-empty-unacknowledged = Nothing waits to be acknowledged.
inbox-empty-unanswered = Nothing waits for our answer.
inbox-empty-mine = Nothing on this page was opened or acknowledged by you.
inbox-empty-sent = Nothing has been sent yet.
