// A certified OpenID provider for tests: it signs access tokens for clients who show their secret.
// Arguments: port, key id. It says its port when it listens, and ends with its standard input.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'

const [port, kid] = process.argv.slice(2)
const server = createServer()
server.listen(Number(port), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const client = (id) => ({
    client_id: id, client_secret: `secret of ${id}`, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
  })
  const provider = new Provider(issuer, {
    clients: ['ada', 'eve'].map(client),
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: 'api', audience: resource.replace('urn:', ''), accessTokenFormat: 'jwt', accessTokenTTL: 600,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  })
  server.on('request', provider.callback())
  console.log(server.address().port)
})
process.stdin.on('end', () => process.exit()).resume()
