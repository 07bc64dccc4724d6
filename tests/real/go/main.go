// Everything the scenario holds, sent with analytics-go.
package main

import (
	"log"
	"os"
	"time"

	"github.com/segmentio/analytics-go/v3"
)

// delivered counts what the client reports; closing it earlier drops what waits for a retry.
type delivered struct{ done chan error }

func (d delivered) Success(analytics.Message)            { d.done <- nil }
func (d delivered) Failure(_ analytics.Message, e error) { d.done <- e }

func main() {
	person := os.Getenv("PERSON")
	report := delivered{make(chan error, 100)}
	client, err := analytics.NewWithConfig(os.Getenv("WRITE_KEY"), analytics.Config{
		Endpoint: os.Getenv("HOST"),
		Interval: 200 * time.Millisecond,
		Callback: report,
	})
	if err != nil {
		log.Fatal(err)
	}
	messages := []analytics.Message{
		analytics.Track{
			AnonymousId: person + "-old",
			Event:       "Early Visit",
			Properties:  analytics.NewProperties().Set("step", 1),
		},
		analytics.Track{
			AnonymousId: person + "-anon",
			Event:       "Product Viewed",
			Properties: analytics.Properties{
				"count":    42,
				"price":    19.99,
				"big":      int64(9007199254740991),
				"negative": -7,
				"yes":      true,
				"no":       false,
				"title":    "Zażółć gęślą jaźń 🦊",
				"nested":   map[string]any{"a": map[string]any{"b": []any{1, "two", 3.5, true}}},
				"empty":    "",
				"when":     time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
			},
		},
		analytics.Identify{
			UserId:      person,
			AnonymousId: person + "-anon",
			Traits: analytics.NewTraits().
				SetEmail(person+"@example.com").
				SetName("Zoë Żółć 🦊").
				SetAge(36).
				Set("score", 4.5).
				Set("vip", true).
				Set("address", map[string]string{"city": "Łódź", "postalCode": "90-001"}).
				Set("tags", []string{"a", "b"}).
				SetCreatedAt(time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)),
		},
		analytics.Page{
			UserId:     person,
			Name:       "Pricing",
			Properties: analytics.NewProperties().SetPath("/pricing").Set("depth", 0.75),
		},
		analytics.Screen{
			UserId:     person,
			Name:       "Home",
			Properties: analytics.NewProperties().Set("theme", "dark").Set("tab", 2),
		},
		analytics.Group{
			UserId:  person,
			GroupId: person + "-org",
			Traits:  analytics.NewTraits().SetName("Acme & Søn").Set("employees", 250),
		},
		analytics.Alias{PreviousId: person + "-old", UserId: person},
		analytics.Track{
			UserId: person,
			Event:  "Order Completed",
			Properties: analytics.NewProperties().
				Set("order_id", person+"-1").
				SetTotal(99.5).
				Set("products", []map[string]any{{"sku": "S-1", "quantity": 2, "price": 49.75}}),
			Timestamp: time.Now().Add(-time.Hour),
		},
	}
	for _, message := range messages {
		if err := client.Enqueue(message); err != nil {
			log.Fatal(err)
		}
	}
	for range messages {
		if err := <-report.done; err != nil {
			log.Fatal("not delivered: ", err)
		}
	}
	if err := client.Close(); err != nil {
		log.Fatal(err)
	}
}
