"""Sign-on by an identity provider of the city: OpenID Connect, authorization code flow with PKCE.

The provider's answer in a browser enters; a session of an account with a role leaves, or the reason why there is none.
The mapping, a file, says who gets which role and sees what. The API calls it; `haulwatch doctor` checks it.
"""
