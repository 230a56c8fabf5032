// A certified OpenID provider for tests: `node provider.mjs config.json`, which has port, key and certificate (PEM), client and
// the path of a file with accounts, read at each use. Its own development pages ask for a name; any password will do.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const config = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { privateKey } = await generateKeyPair("RS256", { extractable: true });
const jwk = { ...(await exportJWK(privateKey)), alg: "RS256", use: "sig", kid: "of-this-run" };

const provider = new Provider(`https://localhost:${config.port}`, {
  clients: [config.client],
  jwks: { keys: [jwk] },
  cookies: { keys: ["only for tests"] },
  pkce: { required: () => true },
  scopes: ["openid", "profile", "groups"],
  claims: { openid: ["sub"], profile: ["name", "preferred_username"], groups: ["groups", "districts"] },
  findAccount(_, id) {
    const claims = JSON.parse(readFileSync(config.accounts, "utf8"))[id];
    return claims && { accountId: id, claims: () => ({ sub: id, ...claims }) };
  },
  async loadExistingGrant(context) {
    const { client, session } = context.oidc;
    const grant = new context.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile groups");
    await grant.save();
    return grant;
  },
});

// Its pages ask the internet for a font: nothing may leave the machine, and there is none to wait for.
provider.use(async (context, next) => {
  await next();
  if (typeof context.body === "string") context.body = context.body.replace(/@import url\([^)]*\);?/g, "");
});

createServer({ key: readFileSync(config.key), cert: readFileSync(config.certificate) }, provider.callback()).listen(
  config.port,
  "127.0.0.1",
);
