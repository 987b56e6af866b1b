# How a file's SHA-256 is read: $hasher FILE prints it, then a space and the name. Put into a script where it names this
# file. OpenSSL's reads a dump several times as fast where coreutils came without one (Debian 12); it is taken where it
# knows the digest of nothing.
hasher='openssl dgst -sha256 -r'
case $($hasher </dev/null 2>/dev/null) in
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855*) ;;
*) hasher=sha256sum ;;
esac
