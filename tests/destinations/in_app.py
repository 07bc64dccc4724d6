"""What tests of in-app messages share."""

SECRET = "a_secret_of_these_tests,_0123456789abcdef"
