package main

// russian gives the Russian words.
func russian() map[string]string {
	return map[string]string{
		"remedy": "что делать",
	}
}
