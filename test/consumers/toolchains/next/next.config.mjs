// The packages are links into this folder's own repository.
export default { serverExternalPackages: ['libsql'], turbopack: { root: process.env.REPOSITORY } }
