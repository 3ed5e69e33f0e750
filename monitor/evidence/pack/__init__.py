"""The pack that is handed to police, local authority, solicitor or platform, and stands on its own."""
