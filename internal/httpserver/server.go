package httpserver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Refuse writes the response for a request that is not served. detail is a sentence for the client.
type Refuse func(w http.ResponseWriter, status int, detail string)

// Config is what a [Server] needs. All fields are required.
type Config struct {
	Listener net.Listener // closed by the Server
	Handler  http.Handler
	Refuse   Refuse
}

// Server serves HTTP on a public address. Make it with [New].
type Server struct {
	http        *http.Server
	connections *connections
}

// New returns a Server that bounds its connections by the number of files that the process may open.
func New(cfg Config) (*Server, error) {
	return newServer(cfg, maxOpenConnections())
}

// newServer is New with an explicit limit on open connections.
func newServer(cfg Config, limit int) (*Server, error) {
	switch {
	case cfg.Listener == nil:
		return nil, errors.New("http server: Listener is required")
	case cfg.Handler == nil:
		return nil, errors.New("http server: Handler is required")
	case cfg.Refuse == nil:
		return nil, errors.New("http server: Refuse is required")
	}
	conns := newConnections(cfg.Listener, limit)
	return &Server{
		connections: conns,
		http: &http.Server{
			Handler:           conns.limitRequests(cfg.Handler, cfg.Refuse),
			ConnContext:       withConnection,
			ConnState:         conns.stateChanged,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       30 * time.Second,
			WriteTimeout:      time.Minute,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
		},
	}, nil
}

// Serve accepts connections until Shutdown or Close is called, and returns http.ErrServerClosed then.
func (s *Server) Serve() error { return s.http.Serve(s.connections) }

// Shutdown stops accepting connections and waits until the open requests have ended, or until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }

// Close closes the listener and all connections.
func (s *Server) Close() error { return s.http.Close() }

// SecurityHeaders sets headers that forbid browsers to run, frame or share a response. A page that needs more sets its
// own Content-Security-Policy.
func SecurityHeaders(next http.Handler) http.Handler {
	const policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
