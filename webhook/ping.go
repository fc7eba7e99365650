package webhook

// decodePing accepts GitHub's greeting to a new hook.
func decodePing(_ []byte, ev *Event) error {
	ev.Ignored = "Ignored: GitHub says hello; the webhook works."
	return nil
}
