# What may be shown of DB_PARAMS: the names, and how TLS is asked for: a word, for what comes after it is none. Any other
# value may be a password.
shown='' rest=${params#\?}\&
while [ -n "$rest" ]; do
    pair=${rest%%\&*} rest=${rest#*\&}
    case $(printf '%s' "${pair%%=*}" | tr '[:upper:]' '[:lower:]') in
    "") continue ;;
    sslmode | usessl | requiressl | ssl) case $pair in *=*) value=${pair#*=} pair=${pair%%=*}=${value%%[!A-Za-z0-9_-]*} ;; esac ;;
    *) pair=${pair%%=*} ;;
    esac
    shown=$shown${shown:+\&}$pair
done
params=$shown
