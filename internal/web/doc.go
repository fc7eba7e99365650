// Package web serves the pages for people: runs, logs, the queue, deliveries and the badge. Pages are
// rendered on the server, work without JavaScript, and update themselves with it. internal/server
// mounts [Pages.Routes]; templates and static files are part of the binary.
//
// A page depends only on the database and on what its reader may see ([ci.Visibility]). To update itself, a
// page is fetched again. Logs of running steps arrive as server-sent events, which resume after an
// interruption.
//
// People who have signed in ([Sessions]) can act on runs with forms ([Actions]).
//
// Invariants: what a reader may not see gets the same answer as what does not exist. Text from outside
// reaches a page only through html/template or the terminal emulator, under a content security
// policy that allows no scripts but YACI's own files.
package web
