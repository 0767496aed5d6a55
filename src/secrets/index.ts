/** Where a key comes from: `solveguard/secrets`. A new provider is one new file and a line here. */
export { type AwsSecretOptions, awsSecret } from './aws.js'
export { type DotenvVaultSecretOptions, dotenvVaultSecret } from './dotenv-vault.js'
export { type EnvSecretOptions, envSecret } from './env.js'
export { type FileSecretOptions, fileSecret } from './file.js'
export type { ProviderUse, SecretProvider, SecretVersion, SecretVersions } from './provider.js'
export { Secret } from './secret.js'
export { type VaultSecretOptions, vaultSecret } from './vault.js'
export type { VaultLogin } from './vault-login.js'
