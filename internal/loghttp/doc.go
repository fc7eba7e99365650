// Package loghttp serves logs over HTTP, for the API and for the pages alike: it parses
// which lines a request asks for ([ParseRequest]), and answers with text ([Server.Text]) or
// with server-sent events ([Server.Events]).
//
// An answer goes on for as long as its reader takes what comes, however long the log is, and
// one that cannot be given to its end breaks off, so that it does not look complete.
package loghttp
