"""Bringing new weights to the traffic: judged, beside the served ones, in the shadow, for a share of the requests, for all of them."""
