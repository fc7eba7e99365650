package webhook

// decodePing accepts the event that GitHub sends when a webhook is created.
func decodePing(_ []byte, ev *Event) error {
	ev.Ignored = "Ignored: ping from GitHub. The webhook works."
	return nil
}
