package gateway

import "comity.example/comity/gateway/internal/admit"

// Routes lists the routes of the relay, hello among them.
func (g *Gateway) Routes() []admit.Route { return g.door.Routes() }
